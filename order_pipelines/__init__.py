"""Orders, stock and invoices of one merchant, from every sales channel to the books and back."""
