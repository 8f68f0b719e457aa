"""What happened on this host: noticed, kept until the server has it, delivered in order."""
