// Command oamkit-binaries is every Go program that the learning kit needs, in one file.
//
// The program is chosen by the name it is called by (a link named kubectl is kubectl), or else by the first argument
// (oamkit-binaries kubectl get pods). One program instead of eight: the Kubernetes client libraries that all of them
// share are compiled and stored once.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// programs maps a program's name to its entry point, which reads os.Args and exits the process itself on failure.
var programs = map[string]func(){
	"cue":                     runCue,
	"etcd":                    runEtcd,
	"helm":                    runHelm,
	"kind":                    runKind,
	"kube-apiserver":          runAPIServer,
	"kube-controller-manager": runControllerManager,
	"kube-scheduler":          runScheduler,
	"kubectl":                 runKubectl,
}

func main() {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if run, ok := programs[name]; ok {
		run()
		return
	}
	if len(os.Args) > 1 {
		if run, ok := programs[os.Args[1]]; ok {
			// Programs find their own name in os.Args[0] (usage texts, re-executing themselves).
			os.Args = os.Args[1:]
			run()
			return
		}
		fmt.Fprintf(os.Stderr, "oamkit-binaries: there is no program %q in here\n", os.Args[1])
	}
	names := make([]string, 0, len(programs))
	for name := range programs {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintf(os.Stderr, "usage: oamkit-binaries PROGRAM [ARGUMENT...]\nprograms: %s\n", strings.Join(names, ", "))
	os.Exit(2)
}
