"""Every torch module, and how published weights get into it."""
