"""The words of the domain: frozen facts, standard library only."""
