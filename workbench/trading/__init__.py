"""The order path: states, journal, books and the manager that ties them."""
