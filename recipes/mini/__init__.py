"""The recipe of `mini`, the small trained model inside the package: ``python -m recipes.mini --help``."""
