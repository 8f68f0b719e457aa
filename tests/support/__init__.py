"""Real services for the tests: started on demand, on free ports, with folders of their own."""
