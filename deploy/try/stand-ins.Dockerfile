# Stand-ins for the images that docker-compose.yml asks for, out of Debian's packages, for try-image.sh
# where no image can be pulled. They look from outside like those, as far as docker-compose.yml uses it.
ARG BASE
FROM ${BASE} AS services
# Debian starts what it installs, which cannot be here
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        haproxy postgresql-15 prometheus redis-server wget >/dev/null \
    && rm -rf /var/lib/apt/lists/*


FROM services AS valkey
RUN useradd --system valkey && install -d -o valkey /data \
    && ln -s redis-server /usr/bin/valkey-server && ln -s redis-cli /usr/bin/valkey-cli


FROM services AS postgresql
# the official image's user, as whom the chart runs it
RUN groupmod --gid 999 postgres && usermod --uid 999 postgres && chown postgres:postgres /run/postgresql
RUN rm -rf /var/lib/postgresql && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql \
    && chmod 3777 /run/postgresql
COPY postgresql-entrypoint.sh /entrypoint
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/18/docker
STOPSIGNAL SIGINT
ENTRYPOINT ["/entrypoint"]
CMD ["postgres"]


FROM services AS haproxy
USER haproxy
STOPSIGNAL SIGUSR1
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]


FROM services AS prometheus
RUN install -d -o nobody -g nogroup /prometheus
USER nobody
ENTRYPOINT ["prometheus"]
