"""What taught code stands on; nothing here imports anything that is taught."""
