package web

// Masked is shown in place of personal data to roles without the permission customers.personal.
const Masked = "•••"
