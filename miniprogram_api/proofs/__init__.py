"""Proofs of who somebody is, given by a channel that knows them."""
