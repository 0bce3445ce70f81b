"""What a Lambda needs and the business does not: settings, telemetry, clients, HTTP answers, secrets."""
