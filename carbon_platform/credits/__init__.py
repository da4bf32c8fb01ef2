"""Credits: assessment runs, parameter sign-off, issuance, retirement, certificates, explain."""
