"""The demo merchant: its settings and files on the sandbox, the play that runs the main job, and what came of it."""
