package v3

// signInHTML is the sign-in page: a form, and nothing that could be loaded from elsewhere.
const signInHTML = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in</title>
<style>
body { font: 16px system-ui, sans-serif; display: grid; place-items: center; min-height: 100vh; margin: 0; background: #f4f5f7; color: #172b4d }
form { background: #fff; padding: 2rem; border-radius: 8px; box-shadow: 0 1px 4px #0003; width: min(20rem, 90vw) }
h1 { font-size: 1.25rem; margin: 0 0 1rem }
label { display: block; margin: .75rem 0 .25rem }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; border: 1px solid #8993a4; border-radius: 4px }
button { font: inherit; margin-top: 1.25rem; width: 100%; padding: .6rem; border: 0; border-radius: 4px; background: #0052cc; color: #fff }
[role=alert] { color: #bf2600 }
</style>
<form method="post" action="/auth/v3/sign-in">
<h1>Sign in</h1>
{{with .Failed}}<p role="alert">{{.}}</p>{{end}}
<input type="hidden" name="redirect_uri" value="{{.RedirectURI}}">
<input type="hidden" name="state" value="{{.State}}">
<label for="username">User</label><input id="username" name="username" autocomplete="username" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button>
</form>
</html>
`
