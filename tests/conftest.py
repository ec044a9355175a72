pytest_plugins = ["tests.support.valkey_server"]
