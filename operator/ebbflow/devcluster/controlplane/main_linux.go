package main

import (
	"context"
	"os"

	"k8s.io/component-base/cli"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// The parts of a node that runs pods. Neither compiles for macOS.
func init() {
	parts["kubelet"] = func() { os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background()))) }
	parts["kube-proxy"] = func() { os.Exit(cli.Run(kubeproxy.NewProxyCommand())) }
}
