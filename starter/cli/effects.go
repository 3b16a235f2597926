package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
)

// An effect says what a command does to an installation.
type effect struct {
	kind effectKind
	acts string // changes: the acts that the audit log has of it, separated by spaces
}

type effectKind int

const (
	changes effectKind = iota // it changes an installation, and the audit log says who did
	reads                     // it changes nothing; the gateway records looks at customers
	local                     // it works on files of this machine
	sends                     // it sends events with a write key, as programs do: the event log has them
	serves                    // it is a process of the installation: what others do by it is recorded
)

// effects has a row for each command, by its path. TestEveryCommandIsDeclared holds that, and TestChangesAreAudited that each one
// that changes something leaves the entries named here.
var effects = map[string]effect{
	"dev":    {serves, ""},
	"serve":  {serves, ""},
	"health": {reads, ""},

	"lint":             {local, ""},
	"test":             {local, ""},
	"schema":           {local, ""},
	"graph":            {local, ""},
	"diff":             {local, ""},
	"replay":           {reads, ""},
	"send-test":        {changes, "message.test"},
	"preview":          {reads, ""}, // with --customer
	"version":          {local, ""},
	"intents train":    {changes, "classifier.save"}, // with --save
	"intents eval":     {reads, ""},
	"intents explain":  {reads, ""},
	"models evaluate":  {local, ""},
	"models uplift":    {local, ""},
	"models plot":      {local, ""},
	"decide":           {reads, ""},
	"publish":          {changes, "release.publish"},
	"rollback":         {changes, "release.rollback"},
	"releases":         {reads, ""},
	"db status":        {reads, ""},
	"db up":            {changes, "database.up"},
	"db down":          {changes, "database.down"},
	"masterkey status": {reads, ""},
	"masterkey rewrap": {changes, "masterkey.rewrap"},
	"cluster status":   {reads, ""},
	"cluster adopt":    {changes, "cluster.adopt"},
	"reconcile":        {changes, "enrollment.reconcile"},
	"restart":          {changes, "enrollment.restart"},

	"track":                 {sends, ""},
	"bounce":                {sends, ""},
	"import":                {sends, ""},
	"enroll":                {changes, "enrollment.enroll"},
	"list":                  {reads, ""},
	"status":                {reads, ""},
	"report":                {reads, ""},
	"results messages":      {reads, ""},
	"results message":       {reads, ""},
	"results channels":      {reads, ""},
	"results splits":        {reads, ""},
	"doctor":                {reads, ""},
	"cancel":                {changes, "enrollment.command"},
	"pause":                 {changes, "enrollment.command journey.pause"},
	"resume":                {changes, "enrollment.command journey.pause"},
	"migrate":               {changes, "journey.migrate"},
	"audit list":            {reads, ""},
	"audit export":          {reads, ""},
	"audit verify":          {reads, ""},
	"keys create":           {changes, "key.create"},
	"keys web-push":         {local, ""},
	"keys list":             {reads, ""},
	"keys rotate":           {changes, "key.rotate"},
	"keys revoke":           {changes, "key.revoke"},
	"sessions list":         {reads, ""},
	"sessions end":          {changes, "session.end"},
	"customer split":        {changes, "customer.split"},
	"customer export":       {reads, ""},
	"customer forget":       {changes, "customer.forget"},
	"customer remember":     {changes, "customer.remember"},
	"handoff list":          {reads, ""},
	"handoff assign":        {changes, "handoff.act"},
	"handoff release":       {changes, "handoff.act"},
	"handoff resolve":       {changes, "handoff.act"},
	"deadletter list":       {reads, ""},
	"deadletter retry":      {changes, "dead_letter.retry"},
	"deadletter drop":       {changes, "dead_letter.drop"},
	"rejected list":         {reads, ""},
	"rejected show":         {reads, ""},
	"rejected drop":         {changes, "rejected_call.drop"},
	"addresses list":        {reads, ""},
	"addresses show":        {reads, ""},
	"addresses revive":      {changes, "address.revive"},
	"customer backlog":      {reads, ""},
	"customer drop-backlog": {changes, "backlog.drop"},
}

// pathOf returns a command's name without that of the root.
func pathOf(c *cobra.Command) string {
	_, path, _ := strings.Cut(c.CommandPath(), " ")
	return path
}

// runs returns the commands below c that do something themselves.
func runs(c *cobra.Command) (out []*cobra.Command) {
	if !c.HasSubCommands() {
		return []*cobra.Command{c}
	}
	for _, sub := range c.Commands() {
		out = append(out, runs(sub)...)
	}
	return out
}

// audited makes all transactions of commands fail that are not part of an act with an entry, except where the command is a process of the
// installation. One without a row in effects is no exception.
func audited(root *cobra.Command) {
	for _, c := range runs(root) {
		run := c.RunE
		if run == nil || effects[pathOf(c)].kind == serves {
			continue
		}
		c.RunE = func(c *cobra.Command, args []string) error {
			c.SetContext(app.OnlyAudited(c.Context(), c.CommandPath()))
			return run(c, args)
		}
	}
}
