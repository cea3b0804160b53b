"""The values that cross the seams of the bot: frozen, keyword-only, slotted."""
