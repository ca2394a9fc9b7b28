"""One port: the REST API, the pages and the login that keeps both closed to strangers."""
