// Command oidc-provider is an OpenID Connect provider to try tabi's sign-in with, and for tests: the provider of zitadel/oidc with
// people from a file. It is not for production: passwords are in clear, sessions are in memory, its keys change with each start, and it
// listens on this machine only.
//
//	make bin/oidc-provider
//	bin/oidc-provider --people people.txt --tabi http://127.0.0.1:8080
//
// Each line of the file is a person, as NAME:PASSWORD:GROUP,GROUP. The file is read again at each sign-in. Who has signed in is remembered
// by a cookie for requests with prompt=none only, as long as the file has the person and the browser has not signed out: other requests
// show the form each time.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// person signs in with name and password.
type person struct {
	name, password string
	groups         []string
}

// people is the path of a file of people.
type people string

func (p people) read() (all []person, err error) {
	data, err := os.ReadFile(string(p))
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
			return nil, fmt.Errorf("%s, line %d: write NAME:PASSWORD:GROUP,GROUP", p, i+1)
		}
		one := person{name: parts[0], password: parts[1], groups: []string{}}
		for _, group := range strings.Split(parts[2], ",") {
			if group = strings.TrimSpace(group); group != "" {
				one.groups = append(one.groups, group)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// find returns the person of a name; nil: there is none, or the file cannot be read, which the log says.
func (p people) find(name string) *person {
	all, err := p.read()
	if err != nil {
		log.Print(err)
		return nil
	}
	for _, one := range all {
		if one.name == name {
			return &one
		}
	}
	return nil
}

const idPrefix = "id-" // of subjects

// GetUserByID, GetUserByUsername and ExampleClientID implement storage.UserStore.
func (p people) GetUserByID(id string) *storage.User {
	return p.GetUserByUsername(strings.TrimPrefix(id, idPrefix))
}

func (p people) GetUserByUsername(name string) *storage.User {
	one := p.find(name)
	if one == nil {
		return nil
	}
	return &storage.User{ID: idPrefix + name, Username: name, Password: one.password, FirstName: name, Email: name + "@example.com"}
}

func (p people) ExampleClientID() string { return "unused" }

// keeper adds the claim of groups, for the scope of that name.
type keeper struct {
	*storage.Storage
	people people
	tabis  []string
	browsers
}

// browsers remembers who has signed in, by authorization request and by the browser's cookie.
type browsers struct {
	entered *sync.Map // id of an authorization request → name
	known   *sync.Map // value of a cookie → name
	silent  *sync.Map // ids of authorization requests that need no form
}

const (
	browserCookie = "op_browser"
	callbackPath  = "/auth/callback" // where a browser comes from the form
)

type browserKey struct{}

// remember puts who the browser's person is into the context of requests, sets the cookie after a sign-in, and removes it at a sign-out.
func (b browsers) remember(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie(browserCookie); err == nil {
			name, _ := b.known.Load(c.Value)
			r = r.WithContext(context.WithValue(r.Context(), browserKey{}, name))
		}
		switch r.URL.Path {
		case callbackPath:
			if name, ok := b.entered.LoadAndDelete(r.URL.Query().Get("id")); ok {
				value := rand.Text()
				b.known.Store(value, name)
				http.SetCookie(w, &http.Cookie{Name: browserCookie, Value: value, Path: "/", HttpOnly: true})
			}
		case "/end_session":
			http.SetCookie(w, &http.Cookie{Name: browserCookie, Path: "/", MaxAge: -1})
		}
		next.ServeHTTP(w, r)
	})
}

// CheckUsernamePassword checks what the form has.
func (k keeper) CheckUsernamePassword(name, password, id string) error {
	err := k.Storage.CheckUsernamePassword(name, password, id)
	if err == nil {
		k.entered.Store(id, name)
	}
	return err
}

// CreateAuthRequest answers prompt=none for a person who is known by the browser's cookie and still in the file.
func (k keeper) CreateAuthRequest(ctx context.Context, r *oidc.AuthRequest, userID string) (op.AuthRequest, error) {
	if !slices.Equal(r.Prompt, []string{oidc.PromptNone}) {
		return k.Storage.CreateAuthRequest(ctx, r, userID)
	}
	name, _ := ctx.Value(browserKey{}).(string)
	one := k.people.find(name)
	if one == nil {
		return nil, oidc.ErrLoginRequired()
	}
	r.Prompt = nil
	request, err := k.Storage.CreateAuthRequest(ctx, r, userID)
	if err != nil {
		return nil, err
	}
	k.silent.Store(request.GetID(), true)
	return request, k.Storage.CheckUsernamePassword(name, one.password, request.GetID())
}

const scopeGroups = "groups"

func (k keeper) addGroups(info *oidc.UserInfo, subject string, scopes []string) {
	info.Name = strings.TrimSpace(info.Name)
	if one := k.people.find(strings.TrimPrefix(subject, idPrefix)); one != nil && slices.Contains(scopes, scopeGroups) {
		info.AppendClaims("groups", one.groups)
	}
}

// SetUserinfoFromRequest fills an ID token.
func (k keeper) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	err := k.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
	k.addGroups(info, token.GetSubject(), scopes)
	return err
}

// SetUserinfoFromToken answers the user info endpoint.
func (k keeper) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	err := k.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
	k.addGroups(info, subject, []string{scopeGroups})
	return err
}

// GetClientByClientID returns tabi as a client.
func (k keeper) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := k.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, k.tabis, k.browsers}, nil
}

// client is tabi: it may ask for groups, reads the name from the ID token, and people come back to it after they have signed out.
type client struct {
	op.Client
	tabis []string
	browsers
}

// LoginURL returns the form for an authorization request, or what comes after it.
func (c client) LoginURL(id string) string {
	if _, ok := c.silent.LoadAndDelete(id); ok {
		return callbackPath + "?id=" + id
	}
	return c.Client.LoginURL(id)
}

func (c client) IsScopeAllowed(scope string) bool {
	return scope == scopeGroups || c.Client.IsScopeAllowed(scope)
}
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c client) PostLogoutRedirectURIs() []string     { return each(c.tabis, "/login") }

// each returns a path at each of tabi's URLs.
func each(tabis []string, path string) (all []string) {
	for _, url := range tabis {
		all = append(all, url+path)
	}
	return all
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:5556", "address to listen on, of this machine; the issuer is http:// and it")
	tabi := flag.String("tabi", "http://127.0.0.1:8080", "tabi's public URL, or several separated by commas; "+
		"people are sent back to its /login/callback")
	id := flag.String("client", "tabi", "the client's id, TABI_OIDC_CLIENT_ID")
	secret := flag.String("secret", "tabi-secret", "the client's secret, TABI_OIDC_CLIENT_SECRET, or @FILE")
	file := flag.String("people", "", "file of people, a line for each: NAME:PASSWORD:GROUP,GROUP")
	flag.Parse()
	host, _, err := net.SplitHostPort(*listen)
	if err != nil {
		return fmt.Errorf("--listen %q: write ADDRESS:PORT", *listen)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %s: this provider is for trying out, so it listens on 127.0.0.1 only", *listen)
	}
	if *file == "" {
		return errors.New("--people FILE is missing")
	}
	if path, ok := strings.CutPrefix(*secret, "@"); ok { // the command line is read by every user of this machine
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("--secret: %w", err)
		}
		*secret = strings.TrimSpace(string(text))
	}
	known := people(*file)
	if _, err := known.read(); err != nil {
		return err
	}
	var urls []string
	for _, url := range strings.Split(*tabi, ",") {
		urls = append(urls, strings.TrimRight(strings.TrimSpace(url), "/"))
	}
	storage.RegisterClients(storage.WebClient(*id, *secret, each(urls, "/login/callback")...))
	slog.SetLogLoggerLevel(slog.LevelWarn) // a line for each request says nothing
	b := browsers{new(sync.Map), new(sync.Map), new(sync.Map)}
	handler := b.remember(exampleop.SetupServer("http://"+*listen, keeper{storage.NewStorage(known), known, urls, b}, nil, false))
	log.Printf("for trying out only, not for production: OpenID Connect provider http://%s, client %s, for tabi at %s", *listen, *id,
		strings.Join(urls, ", "))
	server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
