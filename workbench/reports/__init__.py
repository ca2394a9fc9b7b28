"""Reports: notebooks run with parameters, out of process, and rendered to one HTML file."""
