import json

from infrastructure.emulator import LeftOut, dangling_outputs, emulated_types, find_unknown, references
from tests.infrastructure.templates import Templates, properties


def test_the_sandbox_holds_only_what_the_emulator_knows(sandbox: Templates) -> None:
    assert {resource["Type"] for resource in sandbox.every().values()} <= emulated_types()


def test_what_is_left_out_is_reported_with_its_reason(sandbox: Templates) -> None:
    report = json.loads((sandbox.folder / "left-out.json").read_text(encoding="utf-8"))
    assert {one["type"] for one in report} == {"AWS::CloudWatch::Alarm", "AWS::WAFv2::WebACLAssociation"}
    for one in report:
        assert one.keys() == {"type", "logical_id", "reason"}
        assert one["logical_id"] not in sandbox.every()
        assert one["reason"]


def test_the_sandbox_is_the_production_app_without_what_is_left_out(sandbox: Templates, prod: Templates) -> None:
    def kinds(templates: Templates) -> set[str]:
        return {resource["Type"] for resource in templates.every().values()}

    # Policies of queues and buckets refuse plain HTTP, which is all that the emulator speaks.
    refusing = {"AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"}
    assert kinds(prod) - kinds(sandbox) == {"AWS::WAFv2::WebACLAssociation", *refusing}


def test_nothing_refers_to_what_is_not_there(every_stage: Templates) -> None:
    for template in every_stage.stacks():
        known = template["Resources"].keys() | template.get("Parameters", {}).keys()
        for name, part in {**template["Resources"], **template.get("Outputs", {})}.items():
            used = {one for one in references(part) if not one.startswith("AWS::")}
            assert used - set(local_names(part)) <= known, name
            assert set(part.get("DependsOn", [])) <= known, name


def local_names(part: object) -> list[str]:
    """Variables that a Fn::Sub brings along."""
    if isinstance(part, list):
        return [name for inner in part for name in local_names(inner)]
    if not isinstance(part, dict):
        return []
    found = [name for inner in part.values() for name in local_names(inner)]
    match part:
        case {"Fn::Sub": [_, {**variables}]}:
            found += map(str, variables)
    return found


TEMPLATE = {
    "Resources": {
        "Known": {"Type": "Has::It::Here", "Properties": {"Name": "a"}},
        "Strange": {"Type": "Lacks::It::Here", "Properties": {"Of": {"Ref": "Known"}}},
        "Child": {"Type": "Has::It::Here", "Properties": {"Parent": {"Fn::GetAtt": ["Strange", "Arn"]}}},
        "Grandchild": {"Type": "Has::It::Here", "Properties": {"Text": [{"Fn::Sub": "x-${Child.Arn}"}]}},
    },
    "Outputs": {"Fine": {"Value": {"Ref": "Known"}}, "Gone": {"Value": {"Ref": "Grandchild"}}},
}


def test_what_refers_to_something_left_out_goes_too() -> None:
    left_out = find_unknown(TEMPLATE, frozenset({"Has::It::Here"}))
    assert [one.logical_id for one in left_out] == ["Strange", "Child", "Grandchild"]
    assert left_out[1] == LeftOut("Has::It::Here", "Child", "it refers to Strange, which is left out")
    assert dangling_outputs(TEMPLATE, left_out) == ["Gone"]


def test_only_alarms_that_calculate_are_left_out(sandbox: Templates, prod: Templates) -> None:
    """In the sandbox nothing has a share of the concurrency, so nothing can use one up."""
    alarms = prod.of_type("AWS::CloudWatch::Alarm")
    calculating = {name for name, alarm in alarms.items() if "Metrics" in properties(alarm)}
    shares = {name for name, alarm in alarms.items() if properties(alarm).get("MetricName") == "Throttles"}
    assert calculating
    assert sandbox.of_type("AWS::CloudWatch::Alarm").keys() == alarms.keys() - calculating - shares


def test_a_form_that_the_emulator_refuses_goes_too() -> None:
    alarm = {"Type": "AWS::CloudWatch::Alarm"}
    template = {
        "Resources": {
            "Simple": {**alarm, "Properties": {"MetricName": "Errors"}},
            "Calculating": {**alarm, "Properties": {"Metrics": []}},
        }
    }
    (left_out,) = find_unknown(template, frozenset({"AWS::CloudWatch::Alarm"}))
    assert (left_out.logical_id, left_out.type) == ("Calculating", "AWS::CloudWatch::Alarm")
    assert "does not calculate" in left_out.reason


def test_nothing_goes_when_all_is_known() -> None:
    assert find_unknown(TEMPLATE, frozenset({"Has::It::Here", "Lacks::It::Here"})) == []
