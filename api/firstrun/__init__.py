"""The first real run: from an empty deployment to the day on which the electronic record leads."""
