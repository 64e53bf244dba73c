"""New tokens from old: the room of the masked transformer and the prefix language model; nothing lives here yet."""
