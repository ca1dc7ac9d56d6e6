package api

import (
	"context"
	"net/http"
	"net/url"

	"sidecar/auth"
)

// UserList is the list of users.
type UserList struct {
	Users []User `json:"users" nullable:"false"`
}

type usersOutput struct{ Body UserList }

// UserPath names a user.
type UserPath struct {
	User string `path:"user" maxLength:"64"`
}

type userOutput struct{ Body User }

type createUserInput struct{ Body CreateUserRequest }

// CreateUserRequest is a new user.
type CreateUserRequest struct {
	User        string   `json:"user" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._@-]*$" patternDescription:"letters, digits and . _ @ -"`
	Password    string   `json:"password" minLength:"8" maxLength:"256" format:"password"`
	Role        string   `json:"role" enum:"agent,supervisor,admin"`
	DisplayName string   `json:"displayName,omitempty" maxLength:"100"`
	Team        string   `json:"team,omitempty" maxLength:"64"`
	DNs         []string `json:"dns,omitempty" nullable:"false" maxItems:"1000" doc:"DNs that the user may use"`
}

type createUserOutput struct {
	Location string `header:"Location"`
	Body     User
}

type changeUserInput struct {
	UserPath
	Body ChangeUserRequest
}

// ChangeUserRequest holds what is to change. A new password or role, and disabling, end the user's sessions.
type ChangeUserRequest struct {
	Password    *string   `json:"password,omitempty" minLength:"8" maxLength:"256" format:"password"`
	Role        *string   `json:"role,omitempty" enum:"agent,supervisor,admin"`
	DisplayName *string   `json:"displayName,omitempty" maxLength:"100"`
	Team        *string   `json:"team,omitempty" maxLength:"64" doc:"Empty: none"`
	DNs         *[]string `json:"dns,omitempty" nullable:"false" maxItems:"1000"`
	Disabled    *bool     `json:"disabled,omitempty"`
}

func (s *server) registerUsers() {
	const path = "/api/v1/users"
	register(s, endpoint{
		id: "list-users", method: http.MethodGet, path: path, tag: "users", verb: auth.VerbManageUsers,
		summary: "List the users",
	}, s.listUsers)
	register(s, endpoint{
		id: "create-user", method: http.MethodPost, path: path, tag: "users", verb: auth.VerbManageUsers,
		summary: "Add a user", errors: []int{http.StatusConflict}, status: http.StatusCreated,
	}, s.createUser)
	register(s, endpoint{
		id: "get-user", method: http.MethodGet, path: path + "/{user}", tag: "users", verb: auth.VerbManageUsers,
		summary: "Get a user", errors: []int{http.StatusNotFound},
	}, s.getUser)
	register(s, endpoint{
		id: "change-user", method: http.MethodPatch, path: path + "/{user}", tag: "users", verb: auth.VerbManageUsers,
		summary: "Change a user: password, role, team, DNs, or disable it", errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.changeUser)
}

func (s *server) listUsers(ctx context.Context, _ *struct{}) (*usersOutput, error) {
	users, err := s.Users.Users(ctx)
	if err != nil {
		return nil, err
	}
	out := &usersOutput{Body: UserList{Users: make([]User, 0, len(users))}}
	for _, u := range users {
		out.Body.Users = append(out.Body.Users, userOf(u))
	}
	return out, nil
}

func (s *server) createUser(ctx context.Context, in *createUserInput) (*createUserOutput, error) {
	b := in.Body
	u, err := s.Users.Create(ctx, auth.NewUser{
		Name: b.User, Password: b.Password, Role: auth.Role(b.Role), DisplayName: b.DisplayName, Team: b.Team, DNs: b.DNs,
	})
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "user added", "user", u.Name, "role", string(u.Role), "by", principalOf(ctx).User)
	return &createUserOutput{Location: "/api/v1/users/" + url.PathEscape(u.Name), Body: userOf(u)}, nil
}

func (s *server) getUser(ctx context.Context, in *UserPath) (*userOutput, error) {
	u, err := s.Users.User(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: userOf(u)}, nil
}

func (s *server) changeUser(ctx context.Context, in *changeUserInput) (*userOutput, error) {
	b := in.Body
	change := auth.Change{Password: b.Password, DisplayName: b.DisplayName, Team: b.Team, DNs: b.DNs, Disabled: b.Disabled}
	if b.Role != nil {
		role := auth.Role(*b.Role)
		change.Role = &role
	}
	u, err := s.Users.Change(ctx, in.User, change)
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "user changed", "user", u.Name, "role", string(u.Role), "disabled", u.Disabled, "by", principalOf(ctx).User)
	return &userOutput{Body: userOf(u)}, nil
}
