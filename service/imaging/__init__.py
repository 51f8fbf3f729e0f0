"""Pictures in and out: `decode` opens what strangers send, `encode` writes what the models draw."""
