import json

import pytest


@pytest.fixture
def notebook(tmp_path):
    """Write a notebook of a parameters cell and code cells, and return its path."""

    def write(parameters, *cells, name="small.ipynb"):
        def code(source, *tags):
            return {
                "cell_type": "code",
                "metadata": {"tags": list(tags)},
                "source": source,
                "outputs": [],
                "execution_count": None,
                "id": f"c{abs(hash((source, tags))) % 10**8}",
            }

        path = tmp_path / "notebooks" / name
        path.parent.mkdir(exist_ok=True)
        title = {"cell_type": "markdown", "metadata": {}, "source": "# A small one", "id": "title"}
        content = {
            "cells": [title, code(parameters, "parameters"), *map(code, cells)],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write
