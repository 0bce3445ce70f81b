"""The outside world of a sandbox: the companies that answer the house, and their keys, each side given its half."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox import deploy, emulator, keys
from sandbox.environment import ACCOUNT, REGION
from sandbox.gateway import adyen, payment_server
from sandbox.payouts import server as payout_server
from sandbox.provider import launch_server
from sandbox.register import server as register_server
from sandbox.stack import Gateway, Provider, Stack, Staff
from sandbox.vendor import server as vendor_server

STAFF_ROLES = {
    "auditor": "AuditorRoleArn",
    "support": "SupportRoleArn",
    "games": "GamesStaffRoleArn",
    "payments": "PaymentsRoleArn",
    "safety": "SafetyRoleArn",
}
"""Staff member → output that names the role."""

GATEWAY_SECRETS = {
    "standard": "StandardGatewaySecretArn",
    "stripe": "StripeGatewaySecretArn",
    "adyen": "AdyenGatewaySecretArn",
    "paymentiq": "PaymentiqSecretArn",
}
"""Payment gateway → output that names the secret it shares with the house."""

PAYMENT_SECRETS = {"stripe": "StripePaymentsSecretArn", "adyen": "AdyenPaymentsSecretArn"}
"""Payment gateway → output that names the secret with which the house opens payments there."""

PAYOUT_SECRETS = {"adyen": "AdyenPayoutSecretArn", "paymentiq": "PaymentiqPayoutSecretArn"}
"""Payment gateway → output that names the secret that the house orders payouts with."""

VENDOR_SECRETS = {"sumsub": ("SumsubVerificationSecretArn", "SumsubWebhookSecretArn")}
"""Verification vendor → outputs that name the secret it is asked with, and the one that proves its webhooks."""

VENDOR_PATHS = {"sumsub": "/v1/verification/sumsub"}
REGISTER_SECRET = "GamstopRegisterSecretArn"  # noqa: S105 - the name of an output

GATEWAY_PATHS = {
    "standard": "/v1/payments/standard",
    "stripe": "/v1/payments/stripe",
    "adyen": "/v1/payments/adyen",
    "paymentiq": "/v1/paymentiq",
}


@dataclass(frozen=True, slots=True)
class Desks:
    """Who answers the house in place of others: providers' launch APIs, gateways that open payments, and that pay out.

    And who knows people: a vendor that verifies them, and a register of those who have excluded themselves.
    """

    launcher: launch_server.Desk
    till: payment_server.Desk
    payer: payout_server.Counter
    vendor: vendor_server.Desk
    register: register_server.Desk

    @property
    def urls(self) -> dict[str, dict[str, str]]:
        """Name in the app's context → where each of them listens, by its name."""
        return {
            "launch-urls": self.launcher.urls,
            "payment-urls": self.till.urls,
            "payout-urls": self.payer.urls,
            "verification-urls": self.vendor.urls,
            "register-urls": self.register.urls,
        }


@contextlib.contextmanager
def running() -> Iterator[Desks]:
    """Run them all on free ports of loopback; leaving ends them. None of them trusts anybody before `hand_over_keys`."""
    with contextlib.ExitStack() as stays:
        yield Desks(
            stays.enter_context(launch_server.running()),
            stays.enter_context(payment_server.running()),
            stays.enter_context(payout_server.running()),
            stays.enter_context(vendor_server.running()),
            stays.enter_context(register_server.running()),
        )


def hand_over_keys(endpoint: str, outputs: dict[str, str], assembly: Path, desks: Desks) -> Stack:
    """Make the keys of the outside world, and give each side its half."""
    provider_private, provider_public = keys.new_rsa_key()
    house_private, house_public = keys.new_rsa_key()
    shared = {"swipe": keys.new_shared_secret(), "action_batch": keys.new_shared_secret()}
    launch = {name: keys.new_shared_secret() for name in shared}  # the other way round, another secret
    paid = keys.new_gateway_secrets()
    opening = {name: keys.new_shared_secret() for name in PAYMENT_SECRETS}
    told = {"stripe": {"publishable_key": "pk_sandbox"}, "adyen": {"merchant_account": adyen.MERCHANT, "client_key": "sandbox_key"}}
    held = {
        "Hub88SecretArn": {"public_keys": [provider_public], "launch_private_key": house_private, "operator_id": 1},
        "SwipeSecretArn": {"secrets": [shared["swipe"]], "launch_secret": launch["swipe"], "cid": "house", "ext_cid": "sandbox"},
        "ActionBatchSecretArn": {
            "secrets": [shared["action_batch"]],
            "launch_secret": launch["action_batch"],
            "casino_id": "sandbox",
        },
    }
    held |= {arn: {"secrets": [paid[name]]} for name, arn in GATEWAY_SECRETS.items()}
    held |= {arn: {"api_keys": [opening[name]], **told[name]} for name, arn in PAYMENT_SECRETS.items()}
    apis = deploy.apis(endpoint, outputs)
    gateways = {name: Gateway(f"{apis.webhook}{GATEWAY_PATHS[name]}", secret) for name, secret in paid.items()}
    desks.payer.trust(gateways, keys.new_shared_secret())
    held |= {arn: desks.payer.secrets[name] for name, arn in PAYOUT_SECRETS.items()}
    held |= _introduce(desks, vendors := {name: keys.new_shared_secret() for name in VENDOR_SECRETS})
    keys.hand_over(endpoint, {outputs[name]: value for name, value in held.items()})
    desks.launcher.trust(house_public, launch)
    desks.till.trust(opening)
    providers = {name: Provider(f"{apis.provider}/v1/{name}", secret=secret) for name, secret in shared.items()}
    return Stack(
        endpoint=endpoint,
        region=REGION,
        account=ACCOUNT,
        stage=deploy.STAGE,
        apis=apis,
        mailbox=f"{endpoint}{emulator.MAILS_PATH}",
        launch_api=desks.launcher.url,
        payment_api=desks.till.url,
        payout_api=desks.payer.url,
        register_api=desks.register.url,
        vendor_api=desks.vendor.url,
        providers={"hub88": Provider(f"{apis.provider}/v1/hub88", private_key=provider_private), **providers},
        gateways=gateways,
        vendors={name: Gateway(f"{apis.verification}{VENDOR_PATHS[name]}", secret) for name, secret in vendors.items()},
        players=[],
        staff=[Staff(name, outputs[role]) for name, role in STAFF_ROLES.items()],
        resources=outputs,
        left_out=deploy.left_out(assembly),
    )


def _introduce(desks: Desks, webhooks: dict[str, str]) -> dict[str, object]:
    """Give the vendor and the register the house's new keys, and give what the house holds: by the output of each secret."""
    token, secret_key, register_key = (keys.new_shared_secret() for _ in range(3))
    desks.vendor.trust(token, secret_key)
    desks.register.trust(register_key)
    held: dict[str, object] = {REGISTER_SECRET: {"api_key": register_key}}
    for name, (asking, proving) in VENDOR_SECRETS.items():
        held[asking] = {"api_keys": [{"token": token, "secret_key": secret_key}]}
        held[proving] = {"secrets": [webhooks[name]]}
    return held
