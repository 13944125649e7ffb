"""Bad input at scale: recorded payloads are spoiled again and again, and nothing but our own errors may come of it."""
