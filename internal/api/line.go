package api

// LineLinkRequest asks for the address at which a user of LINE confirms that they are a user of the shop.
type LineLinkRequest struct {
	UserID string `json:"userId" doc:"the user who has signed in"`
	LineID string `json:"lineId" pattern:"^U[0-9a-fA-F]{32}$" doc:"the LINE user who opened the link: U and 32 hexadecimal digits"`
}

// LineLinkResponse is the answer.
type LineLinkResponse struct {
	URL string `json:"url" doc:"send the user's browser there at once: it works for 10 minutes, and for this user of LINE alone"`
}
