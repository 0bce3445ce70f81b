"""The firewall before the player API."""

import re
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infrastructure.routes import Pace, paths
from infrastructure.stages import StageSettings

_Rule = wafv2.CfnWebACL.RuleProperty
_Statement = wafv2.CfnWebACL.StatementProperty
_Action = wafv2.CfnWebACL.RuleActionProperty

# Also the most of a body that WAF reads on API Gateway by default; what is longer counts as a match.
_BODY_BYTES_MAX = 16 * 1024

# What looks hostile in a body may be a good password (`<script>`, `../`; OWASP ASVS 5.0 6.2.5), and the functions read bodies by
# strict schemas: so these rules only count. The limit of 8 KiB among them would refuse bodies that we read; ours stands above.
_COMMON_BODIES = (
    "SizeRestrictions_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "CrossSiteScripting_BODY",
)
_KNOWN_BAD_BODIES = ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY")


class WebAcl(Construct):
    """Blocks floods by address, bodies that no route reads, and what AWS's own lists know to be hostile."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, protects: apigateway.Stage) -> None:
        super().__init__(scope, construct_id)
        rules = [
            _rule("FloodByAddress", _rate(settings.requests_per_ip_5_min), _block(429)),
            _rule("CredentialsByAddress", _rate(settings.credentials_per_ip_5_min, paths(Pace.CREDENTIALS)), _block(429)),
            _rule("RefreshesByAddress", _rate(settings.refreshes_per_ip_5_min, paths(Pace.REFRESH)), _block(429)),
            _rule("BodySize", _body_longer_than(_BODY_BYTES_MAX), _block(413)),
            _managed("AWSManagedRulesAmazonIpReputationList"),
            _managed("AWSManagedRulesKnownBadInputsRuleSet", only_count=_KNOWN_BAD_BODIES),
            _managed("AWSManagedRulesCommonRuleSet", only_count=_COMMON_BODIES),
        ]
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            scope="REGIONAL",
            rules=[_with_priority(rule, number) for number, rule in enumerate(rules)],
            visibility_config=_visible("PlayerApi"),
            description=f"Countroom {settings.name}: player API",
        )
        stack = cdk.Stack.of(self)
        api = protects.rest_api.rest_api_id
        wafv2.CfnWebACLAssociation(
            self,
            "Association",
            resource_arn=f"arn:{stack.partition}:apigateway:{stack.region}::/restapis/{api}/stages/{protects.stage_name}",
            web_acl_arn=acl.attr_arn,
        )


def _rule(name: str, statement: _Statement, action: _Action) -> _Rule:
    return _Rule(name=name, priority=0, statement=statement, action=action, visibility_config=_visible(name))


def _managed(name: str, *, only_count: Sequence[str] = ()) -> _Rule:
    count = _Action(count={})
    overrides = [wafv2.CfnWebACL.RuleActionOverrideProperty(name=one, action_to_use=count) for one in only_count]
    group = wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(vendor_name="AWS", name=name, rule_action_overrides=overrides or None)
    return _Rule(
        name=name,
        priority=0,
        statement=_Statement(managed_rule_group_statement=group),
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_visible(name),
    )


def _with_priority(rule: _Rule, priority: int) -> _Rule:
    return _Rule(
        name=rule.name,
        priority=priority,
        statement=rule.statement,
        action=rule.action,
        override_action=rule.override_action,
        visibility_config=rule.visibility_config,
    )


def _rate(limit: int, of: Sequence[str] = ()) -> _Statement:
    """Count by address, in five minutes: all requests, or those that POST to a path in `of`."""
    scope_down = None
    if of:
        both = wafv2.CfnWebACL.AndStatementProperty(statements=[_posts(), _path_is_one(of)])
        scope_down = _Statement(and_statement=both)
    return _Statement(
        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP", limit=limit, evaluation_window_sec=300, scope_down_statement=scope_down
        )
    )


def _posts() -> _Statement:
    return _Statement(
        byte_match_statement=wafv2.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(method={}),
            positional_constraint="EXACTLY",
            search_string="POST",
            text_transformations=[_as_it_is()],
        )
    )


def _path_is_one(of: Sequence[str]) -> _Statement:
    # The stage's name may stand before the path, or a domain of its own takes its place. API Gateway decodes a path and forgives
    # a slash at its end before it looks for the route, so that is done here too.
    decoded = wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="URL_DECODE")
    return _Statement(
        regex_match_statement=wafv2.CfnWebACL.RegexMatchStatementProperty(
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(uri_path={}),
            regex_string=f"({'|'.join(map(re.escape, of))})/*$",
            text_transformations=[decoded],
        )
    )


def _body_longer_than(size: int) -> _Statement:
    body = wafv2.CfnWebACL.BodyProperty(oversize_handling="MATCH")
    return _Statement(
        size_constraint_statement=wafv2.CfnWebACL.SizeConstraintStatementProperty(
            comparison_operator="GT",
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(body=body),
            size=size,
            text_transformations=[_as_it_is()],
        )
    )


def _block(status: int) -> _Action:
    response = wafv2.CfnWebACL.CustomResponseProperty(response_code=status)
    return _Action(block=wafv2.CfnWebACL.BlockActionProperty(custom_response=response))


def _as_it_is() -> wafv2.CfnWebACL.TextTransformationProperty:
    return wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")


def _visible(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
