"""For people without a phone: family proxy, senior bus card, paper code, printed slip, village entry."""
