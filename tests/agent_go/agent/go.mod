module github.com/StackVista/stackstate-agent

go 1.13
