// The Gitea server, as a program of its own: its module cannot be installed by name.
package main

import (
	"os"

	"code.gitea.io/gitea/cmd"
	"code.gitea.io/gitea/modules/setting"
)

// set by the linker
var version = "development"

func main() {
	setting.AppVer = version
	_ = cmd.RunMainApp(cmd.NewMainApp(cmd.AppVersion{Version: version}), os.Args...) // it has printed the error
}
