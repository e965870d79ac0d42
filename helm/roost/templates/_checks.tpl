{{/* What the schema cannot say: values that do not go together, each with one sentence. */}}
{{- define "roost.checks" -}}
{{- $values := .Values -}}
{{- if not $values.domain }}{{ fail "Set domain to your XMPP domain, such as example.net." }}{{ end -}}
{{- include "roost.checks.redis" $values.redis -}}
{{- include "roost.checks.database" $values.database -}}
{{- include "roost.checks.tls" $values.tls -}}
{{- if and (eq (include "roost.migration.mode" .) "hook") $values.database.builtIn.enabled -}}
{{- fail "A Job before the installation cannot reach the built-in PostgreSQL: leave migration.mode empty or set it to init." -}}
{{- end -}}
{{- range $name := include "roost.roles" . | fromJsonArray -}}
{{- include "roost.checks.role" (list $name (include "roost.role" (list $ $name) | fromYaml)) -}}
{{- end -}}
{{- end }}

{{- define "roost.checks.redis" -}}
{{- $ways := compact (list .url .existingSecret.urlKey (join "," .hosts) (ternary "builtIn" "" .builtIn.enabled)) -}}
{{- if not $ways -}}
{{- fail "Roost needs Redis or Valkey: set redis.hosts, redis.url or redis.existingSecret, or redis.builtIn.enabled=true to try Roost out." -}}
{{- else if gt (len $ways) 1 -}}
{{- fail "There are several ways to Redis: set only one of redis.hosts, redis.url, redis.existingSecret.urlKey and redis.builtIn.enabled." -}}
{{- end -}}
{{- include "roost.checks.secret" (list "redis" .existingSecret) -}}
{{- if and (or .sentinel.username .sentinel.password .existingSecret.sentinelPasswordKey) (ne .mode "sentinel") -}}
{{- fail "There are no Sentinels to log in to: set redis.mode=sentinel, or write it into the URL." -}}
{{- end -}}
{{- end }}

{{- define "roost.checks.database" -}}
{{- $ways := compact (list .url .existingSecret.urlKey .host (ternary "builtIn" "" .builtIn.enabled)) -}}
{{- if not $ways -}}
{{- fail "Roost needs PostgreSQL: set database.host, database.url or database.existingSecret, or database.builtIn.enabled=true to try Roost out." -}}
{{- else if gt (len $ways) 1 -}}
{{- fail "There are several ways to PostgreSQL: set only one of database.host, database.url, database.existingSecret.urlKey and database.builtIn.enabled." -}}
{{- end -}}
{{- include "roost.checks.secret" (list "database" .existingSecret) -}}
{{- end }}

{{- define "roost.checks.secret" -}}
{{- $what := first . -}}
{{- $existing := last . -}}
{{- $key := or $existing.urlKey $existing.passwordKey $existing.sentinelPasswordKey -}}
{{- if and $existing.name (not $key) -}}
{{- fail (printf "Say which key of the Secret %s to use: set %s.existingSecret.urlKey or passwordKey." $existing.name $what) -}}
{{- else if and $key (not $existing.name) -}}
{{- fail (printf "Say which Secret the key %s is in: set %s.existingSecret.name." $key $what) -}}
{{- end -}}
{{- end }}

{{- define "roost.checks.tls" -}}
{{- $ways := compact (list .existingSecret (ternary "certManager" "" .certManager.enabled) (ternary "selfSigned" "" .selfSigned)) -}}
{{- if and (eq .mode "required") (not $ways) -}}
{{- fail "Clients need TLS: set tls.existingSecret or tls.certManager.enabled=true, tls.selfSigned=true to try Roost out, or tls.mode=optional behind a balancer that ends TLS." -}}
{{- else if gt (len $ways) 1 -}}
{{- fail "There are several certificates: set only one of tls.existingSecret, tls.certManager.enabled and tls.selfSigned." -}}
{{- else if and .certManager.enabled (not .certManager.issuerRef.name) -}}
{{- fail "Say who issues the certificate: set tls.certManager.issuerRef.name." -}}
{{- end -}}
{{- end }}

{{- define "roost.checks.role" -}}
{{- $name := first . -}}
{{- $role := last . -}}
{{- with $role.autoscaling -}}
{{- if and .enabled (not .streamsPerPod) (not .cpuPercent) -}}
{{- fail (printf "Nothing tells how to scale %s: set streamsPerPod or cpuPercent of its autoscaling." $name) -}}
{{- else if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "The autoscaling of %s has a minReplicas above its maxReplicas." $name) -}}
{{- end -}}
{{- end -}}
{{- end }}
