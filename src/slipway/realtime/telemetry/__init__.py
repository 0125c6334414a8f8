"""Telemetry of the server: metrics, access log, prediction log."""
