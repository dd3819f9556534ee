"""The field side: profiles, links, one owner of each bus."""
