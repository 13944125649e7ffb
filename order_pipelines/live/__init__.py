"""The fast lane as a process: webhooks and polls in, stock out, by the services that Dagster's jobs use too."""
