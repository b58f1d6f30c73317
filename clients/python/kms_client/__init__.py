"""The client of Threshold KMS: create keys, encrypt and decrypt, ask for a release."""
