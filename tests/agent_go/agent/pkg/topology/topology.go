// Package topology stands in for the agent's elements.
package topology

// Instance is an instance key.
type Instance struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// Type of an element.
type Type struct {
	Name string `json:"name"`
}

// Data of an element.
type Data map[string]interface{}

// Component of the topology.
type Component struct {
	ExternalID string `json:"externalId"`
	Type       Type   `json:"type"`
	Data       Data   `json:"data"`
}

// Relation of the topology.
type Relation struct {
	ExternalID string `json:"externalId"`
	SourceID   string `json:"sourceId"`
	TargetID   string `json:"targetId"`
	Type       Type   `json:"type"`
	Data       Data   `json:"data"`
}
