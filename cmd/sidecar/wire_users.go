package main

import (
	"context"
	"path/filepath"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/config"
)

func (d *daemon) buildUsers(ctx context.Context) error {
	secrets, err := config.OpenSecrets(d.cfg.DataDir)
	if err != nil {
		return err
	}
	info := d.dnInfo()
	d.users = auth.NewDirectory(d.db, func(dn string) bool { _, ok := info(dn); return ok })
	file := filepath.Join(d.cfg.DataDir, auth.CredentialsFile)
	made, err := d.users.EnsureAdmin(ctx, file)
	if err != nil {
		return err
	}
	if len(made) > 0 {
		d.log.Info("first_admin_made", "user", made[0].Name, "password_in", file)
	}
	d.auth, err = auth.New(auth.Options{
		Directory: d.users, Revocations: d.db, Key: secrets.TokenKey(), TokenLife: d.cfg.Auth.TokenLife,
		AllowedOrigins: d.cfg.HTTP.AllowedOrigins, Log: d.log,
	})
	return err
}

// dnInfo looks up what the configuration says about a DN.
func (d *daemon) dnInfo() func(string) (api.DNInfo, bool) {
	dns, _ := d.cfg.ExpandDNs() // it worked before
	known := make(map[string]api.DNInfo, len(dns))
	for _, dn := range dns {
		known[dn.Number] = api.DNInfo{Owner: dn.Owner, CallerID: dn.CallerID, Class: dn.Class}
	}
	return func(number string) (api.DNInfo, bool) { info, ok := known[number]; return info, ok }
}
