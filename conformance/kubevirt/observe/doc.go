// Package observe turns what the Kubernetes API shows of a case, and what its
// guests report, into a trace as seen from outside (view "guest"). It reads
// objects only, so it is the same for a real cluster and for the fakes of
// client-go, and it is driven by whoever has the objects:
//
//	o := observe.New(c)
//	o.Pod(at, pod), o.PodGone(at, pod)   // from a watch
//	o.VMI(at, vmi), o.VMIGone(at, vmi)
//	o.Slice(at, slice), o.Event(at, event)
//	o.Report(at, vm, report)             // a line of a guest's log
//	t, err := o.Trace(header)
//
// # Clocks
//
// Three clocks say when something was. The harness's own is that of arrivals;
// the node's is in reports and in the timestamps of containers, which have
// whole seconds. The run's clock begins for each VM when its first container
// does. The harness is ahead of the node by no more than the least delay that
// any report had, which is taken for the difference.
//
//	observe.go  what is told of a case, and the trace of it
//	life.go     one container from its start to its end
//	pods.go     pods and their containers
//	others.go   VMIs, endpoints, events
//	reports.go  what guests tell
//	unheard.go  programs that had no processor
//	clocks.go   which nodes are refused for their clocks
package observe
