"""Its place is its purpose: pytest puts this folder on the import path, and every test can use ``support``."""
