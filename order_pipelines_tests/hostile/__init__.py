"""What others do on purpose or by accident: hostile files and a hostile server. Shares no code with what it tests."""
