"""The old application, by technical layer: api calls services, services call repositories, those know the models."""
