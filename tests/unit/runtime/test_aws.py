import pytest

from runtime import aws


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("service", sorted(aws.BUDGETS))
def test_every_service_has_small_explicit_budgets(service: str) -> None:
    config = aws.client(service).meta.config
    assert config.connect_timeout <= 2
    assert config.read_timeout <= 5
    assert config.retries == {"mode": "standard", "total_max_attempts": aws.BUDGETS[service].max_attempts}


@pytest.mark.usefixtures("aws")
def test_a_client_is_made_once_for_the_same_arguments() -> None:
    assert aws.client("dynamodb") is aws.client("dynamodb")
    assert aws.client("dynamodb") is not aws.client("dynamodb", max_attempts=1)


@pytest.mark.usefixtures("aws")
def test_figures_can_be_chosen() -> None:
    config = aws.client("events", connect_timeout=0.5, read_timeout=0.75, max_attempts=1).meta.config
    assert (config.connect_timeout, config.read_timeout) == (0.5, 0.75)
    assert config.retries["total_max_attempts"] == 1


@pytest.mark.usefixtures("aws")
def test_lambda_s_own_region_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert aws.client("sqs").meta.region_name == "eu-north-1"


@pytest.mark.usefixtures("aws")
def test_the_endpoint_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")
    assert aws.client("sqs").meta.endpoint_url == "http://127.0.0.1:4599"
