"""What both kinds of node need of SQLite, in one place: opened safely, or not at all."""
