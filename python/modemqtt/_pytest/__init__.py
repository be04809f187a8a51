"""What the pytest plugin is made of; :mod:`modemqtt.pytest_plugin` is its face."""
