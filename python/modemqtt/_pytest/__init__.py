"""The parts of the pytest plugin; :mod:`modemqtt.pytest_plugin` is its face."""
